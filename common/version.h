#ifndef COMMON_VERSION_H
#define COMMON_VERSION_H

/* The version all programs print for --version: the newest of CHANGELOG.md, and "+commit" where git knew it. */
extern const char green_ml_version[];

#endif
