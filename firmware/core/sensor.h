/* The item sensor's level without its bouncing, with the moment of the edge that began it. */
#ifndef SENSOR_H
#define SENSOR_H

#include <stdbool.h>
#include <stdint.h>

struct sensor {
    uint32_t began_at;
    uint32_t edge_at;
    bool level;
    bool settled;
    bool moving;
};

/* Begin with a settled level. */
void sensor_start(struct sensor *sensor, bool level);

/* The pin has `level` since `at`; called at every edge. */
void sensor_edge(struct sensor *sensor, bool level, uint32_t at);

/* Has a new level settled? sensor->settled and sensor->began_at are then the new one and its beginning. */
bool sensor_turn(struct sensor *sensor, uint16_t debounce_ms, uint32_t now);

#endif
