/*
 * What is wired where on an Arduino Uno; README.md has the same as a table.
 *
 *   D0 D1     the serial line           D2   item sensor (INT0)        D3 D4   belt encoder A (INT1) and B
 *   D5 - D10  servos of channels 0 - 5  D12  machine fault, low = fault D13    LED
 */
#ifndef PINS_H
#define PINS_H

#include <avr/io.h>

/* The first three servos are on port D, the others on port B. */
#define SERVO_PORTD_FIRST PD5
#define SERVO_PORTB_FIRST PB0
#define SERVOS_ON_PORTD 3
#define SERVO_PORTD_MASK (_BV(PD5) | _BV(PD6) | _BV(PD7))
#define SERVO_PORTB_MASK (_BV(PB0) | _BV(PB1) | _BV(PB2))
#define SERVOS 6

#define SENSOR_PIN PD2
#define ENCODER_A_PIN PD3
#define ENCODER_B_PIN PD4
#define FAULT_PIN PB4
#define LED_PIN PB5

#endif
