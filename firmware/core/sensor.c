/* The item sensor's level without its bouncing. */
#include "sensor.h"

#include "moment.h"

void sensor_start(struct sensor *sensor, bool level)
{
    *sensor = (struct sensor){.level = level, .settled = level};
}

void sensor_edge(struct sensor *sensor, bool level, uint32_t at)
{
    if (level == sensor->level)
        return;
    if (!sensor->moving)
        sensor->began_at = at;
    sensor->level = level;
    sensor->edge_at = at;
    sensor->moving = true;
}

bool sensor_turn(struct sensor *sensor, uint16_t debounce_ms, uint32_t now)
{
    if (!sensor->moving || !moment_reached(now, sensor->edge_at + debounce_ms * US_PER_MS))
        return false;
    sensor->moving = false;
    if (sensor->level == sensor->settled)
        return false;
    sensor->settled = sensor->level;
    return true;
}
