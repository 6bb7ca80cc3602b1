#ifndef MODEL_TRAINING_SIMD_H
#define MODEL_TRAINING_SIMD_H

#include <stdbool.h>

/* Whether the processor has AVX2 and what came with it, and GREEN_ML_SIMD=off in the environment does not forbid them.
 */
bool simd_has_avx2(void);

#endif
