#ifndef MODEL_TRAINING_FAKE_H
#define MODEL_TRAINING_FAKE_H

/* Work that only costs CPU, to stand in for a heavier model: products of 50 x 50 matrices, as the first version did. */

/* Computes until this thread has used the CPU seconds; returns those it used. */
double fake_compute(double cpu_s);

#endif
