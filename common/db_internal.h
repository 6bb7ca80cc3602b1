#ifndef COMMON_DB_INTERNAL_H
#define COMMON_DB_INTERNAL_H

/* What db.c and db_connect.c share. Nobody else includes this. */

#include <stddef.h>

/* What db_sqlstate() answers from now on, in this thread. */
void db_note_sqlstate(const char *state);

/* The server's or libpq's message in one line; longer ones are cut. */
void db_one_line(char *line, size_t size, const char *message);

#endif
