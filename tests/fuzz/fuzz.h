#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

/*
 * What a fuzz target is: one function that takes any bytes and must not crash, leak or break one of its own promises.
 *
 * make fuzz		tests/fuzz/run: clang and libFuzzer invent inputs, FUZZ_SECONDS for each target
 * make test		tests/fuzz/corpus.c runs those that are kept in tests/fuzz/corpus/NAME/, by gcc with its
 * sanitizers
 *
 * A crash becomes a file of the kept inputs, or a case of the module's own tests, with the repair.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* libFuzzer's name for it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise of the module that holds whatever the input is. */
#define PROMISE(holds)                                                                                                 \
	do {                                                                                                           \
		if (!(holds)) {                                                                                        \
			fprintf(stderr, "%s:%d: a promise is broken: %s\n", __FILE__, __LINE__, #holds);               \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

#endif
