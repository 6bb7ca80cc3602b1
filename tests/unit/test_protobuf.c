/* The encoding of protobuf messages: the examples of its documentation, and the ends of the ranges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/attr.h"
#include "common/banned.h"
#include "model-training/protobuf.h"

static void is_bytes(struct text *text, const char *want, size_t size)
{
	assert_int_equal(text->size, size);
	assert_memory_equal(text->data, want, size);
	text_clear(text);
}

static void numbers_and_strings(void **state UNUSED)
{
	struct text text;

	text_init(&text, 1000);
	protobuf_int(&text, 1, 150);
	is_bytes(&text, "\x08\x96\x01", 3);
	protobuf_int(&text, 1, 0);
	is_bytes(&text, "\x08\x00", 2);
	protobuf_int(&text, 20, -1);
	is_bytes(&text, "\xa0\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12);
	protobuf_string(&text, 2, "testing");
	is_bytes(&text, "\x12\x07testing", 9);
	protobuf_varint(&text, 127);
	protobuf_varint(&text, 128);
	protobuf_varint(&text, UINT64_MAX);
	is_bytes(&text, "\x7f\x80\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13);
	text_release(&text);
}

static void messages_within_messages(void **state UNUSED)
{
	struct text outer, inner;

	text_init(&outer, 1000);
	text_init(&inner, 1000);
	protobuf_int(&inner, 1, 150);
	protobuf_take(&outer, 3, &inner);
	assert_null(inner.data);
	is_bytes(&outer, "\x1a\x03\x08\x96\x01", 5);
	text_init(&inner, 4);
	protobuf_string(&inner, 1, "too long");
	protobuf_take(&outer, 3, &inner);
	assert_true(outer.overflow); /* an inner message that was cut is no message */
	text_release(&outer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_and_strings),
	    cmocka_unit_test(messages_within_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
