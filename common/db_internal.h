#ifndef COMMON_DB_INTERNAL_H
#define COMMON_DB_INTERNAL_H

/* What db.c, db_connect.c and db_cursor.c share. Nobody else includes this. */

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/fail.h"

/* What db_sqlstate() answers from now on, in this thread. */
void db_note_sqlstate(const char *state);

/* What a statement has failed of; result may be NULL. Always false. */
bool db_fail_from(PGconn *db, const PGresult *result, struct fail *fail);

/* The server's or libpq's message in one line; longer ones are cut. */
void db_one_line(char *line, size_t size, const char *message);

#endif
