#include "model-training/simd.h"

#include <stdlib.h>
#include <string.h>

#include "common/banned.h"

bool simd_has_avx2(void)
{
#if defined(__x86_64__)
	const char *simd = getenv("GREEN_ML_SIMD");

	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && !(simd && strcmp(simd, "off") == 0);
#else
	return false;
#endif
}
