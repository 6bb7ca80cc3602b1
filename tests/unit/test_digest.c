#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/digest.h"

static const char *hash_of(const void *data, size_t size)
{
	static char hex[DIGEST_HEX_SIZE];
	unsigned char hash[DIGEST_SIZE];

	digest_bytes(data, size, hash);
	digest_hex(hash, hex);
	return hex;
}

/* The examples of FIPS 180-4 and Python's hashlib. */
static void known_hashes(void **state UNUSED)
{
	assert_string_equal(hash_of("", 0), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_string_equal(hash_of("abc", 3), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_string_equal(hash_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56),
			    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	assert_string_equal(hash_of("insurance\0"
				    "7",
				    11),
			    "5c45d27094a1e4584b97c22bda04b0f9a881a7a941c2d63d826365fc12ab82e8");
}

/* However the bytes are cut, the hash is that of the whole. */
static void pieces_hash_as_the_whole(void **state UNUSED)
{
	unsigned char data[300], whole[DIGEST_SIZE], pieces[DIGEST_SIZE];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 7);
	digest_bytes(data, sizeof(data), whole);
	for (size_t piece = 1; piece < sizeof(data); piece++) {
		struct digest *digest = digest_new();

		for (size_t at = 0; at < sizeof(data); at += piece)
			digest_add(digest, data + at, at + piece < sizeof(data) ? piece : sizeof(data) - at);
		digest_add(digest, data, 0);
		digest_finish(digest, pieces);
		assert_memory_equal(pieces, whole, DIGEST_SIZE);
	}
}

static void an_unfinished_digest_can_be_freed(void **state UNUSED)
{
	struct digest *digest = digest_new();

	digest_add(digest, "abc", 3);
	digest_free(digest);
	digest_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_hashes),
	    cmocka_unit_test(pieces_hash_as_the_whole),
	    cmocka_unit_test(an_unfinished_digest_can_be_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
