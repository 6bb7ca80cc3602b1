#ifndef COMMON_BANNED_H
#define COMMON_BANNED_H

/*
 * Functions that are easy to get wrong: using one does not compile. common/fail.h includes this file, so every module
 * gets it. The headers that declare them come first, because a macro would break their declarations.
 *
 *     strcpy strncpy strcat sprintf vsprintf   struct text, or snprintf with its result looked at
 *     strtok                                   strtok_r, or strcspn and strspn
 *     gmtime localtime ctime asctime           gmtime_r, strftime
 *     atoi atol atoll atof                     strtol, strtod with the end and errno looked at
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BANNED(function) function##_is_a_banned_function_see_common_banned_h

#undef strcpy
#define strcpy(to, from) BANNED(strcpy)
#undef strncpy
#define strncpy(to, from, n) BANNED(strncpy)
#undef strcat
#define strcat(to, from) BANNED(strcat)
#undef sprintf
#define sprintf(...) BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) BANNED(vsprintf)
#undef strtok
#define strtok(text, separators) BANNED(strtok)
#undef gmtime
#define gmtime(time) BANNED(gmtime)
#undef localtime
#define localtime(time) BANNED(localtime)
#undef ctime
#define ctime(time) BANNED(ctime)
#undef asctime
#define asctime(tm) BANNED(asctime)
#undef atoi
#define atoi(text) BANNED(atoi)
#undef atol
#define atol(text) BANNED(atol)
#undef atoll
#define atoll(text) BANNED(atoll)
#undef atof
#define atof(text) BANNED(atof)

#endif
