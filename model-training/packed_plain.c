/* Packed growing for every processor. */
#define KERNELS packed_plain
#include "model-training/packed_kernels.h"
