/* Pulses for hobby servos, 50 times a second, one channel after the other, by Timer1. */
#ifndef SERVO_H
#define SERVO_H

#include <stdint.h>

/* All pins are outputs and low; no pulses. */
void servo_start(void);

/* From its next turn on the channel gets pulses of this width. */
void servo_point(uint8_t channel, uint16_t pulse_us);

/* Every channel that has pulses gets those of its rest position; also in an interrupt. */
void servo_retreat(void);

/* No channel gets another pulse; one that has begun ends in its time. */
void servo_release(void);

#endif
