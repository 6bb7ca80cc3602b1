#include "common/version.h"

#ifndef GREEN_ML_VERSION
#define GREEN_ML_VERSION "unknown"
#endif

const char green_ml_version[] = GREEN_ML_VERSION;
