#ifndef MODEL_API_ANSWERS_H
#define MODEL_API_ANSWERS_H

/* The functions of route.c's table: each fills the reply to one kind of call. */

#include "model-api/route.h"

void answer_predict(struct service *service, const struct call *call, struct reply *reply);
void answer_update(struct service *service, const struct call *call, struct reply *reply);
void answer_feedback(struct service *service, const struct call *call, struct reply *reply);
void answer_version(struct service *service, const struct call *call, struct reply *reply);
void answer_metrics(struct service *service, const struct call *call, struct reply *reply);
void answer_openapi(struct service *service, const struct call *call, struct reply *reply);
void answer_live(struct service *service, const struct call *call, struct reply *reply);
void answer_ready(struct service *service, const struct call *call, struct reply *reply);
void answer_server_metadata(struct service *service, const struct call *call, struct reply *reply);
void answer_model_metadata(struct service *service, const struct call *call, struct reply *reply);
void answer_model_ready(struct service *service, const struct call *call, struct reply *reply);
void answer_infer(struct service *service, const struct call *call, struct reply *reply);

#endif
