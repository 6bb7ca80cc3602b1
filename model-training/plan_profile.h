#ifndef MODEL_TRAINING_PLAN_PROFILE_H
#define MODEL_TRAINING_PLAN_PROFILE_H

/* What the training rows looked like, as the plan keeps it for whoever compares later rows: common/profile.h. */

#include "model-training/dataset.h"

/* free() */
char *plan_profile(const struct dataset *dataset);

#endif
