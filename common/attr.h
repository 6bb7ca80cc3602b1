#ifndef COMMON_ATTR_H
#define COMMON_ATTR_H

/* What a declaration says to the compiler beyond its types. */

/* The result tells success from failure: ignoring it is a warning, an error with DEVELOPER=1. */
#define MUST_USE __attribute__((warn_unused_result))

/* Argument `text` is a printf format for the arguments from `first` on (counted from 1; 0 with a va_list). */
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

/* A parameter that a callback's type demands and its body does not need. */
#define UNUSED __attribute__((unused))

#endif
