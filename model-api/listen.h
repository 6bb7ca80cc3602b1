#ifndef MODEL_API_LISTEN_H
#define MODEL_API_LISTEN_H

/* The listening socket, made here so that a refused address is told with its reason. */

#include <stdint.h>

#include "common/fail.h"

/* host: an IPv4 or IPv6 address or a name; "::" takes IPv4 too. port 0: any free one. -1 on error; the caller closes
 * it. *chosen is the port it got. */
int listen_open(const char *host, int64_t port, int backlog, int *chosen, struct fail *fail) MUST_USE;

/* Raises the limit of open descriptors to what this many connections need. */
bool listen_allow(int64_t connections, struct fail *fail) MUST_USE;

#endif
