/*
 * A record whose codes are bytes, for one shape of packed_kernel.h.
 */
#ifdef LANES /* without it is empty, not wrong */

#if COUNT_BITS == 8
typedef uint8_t NAME(count);
#else
typedef uint16_t NAME(count);
#endif

struct NAME(record) {
	uint8_t codes[CODES];
	NAME(count) counts[LANES];
};

/* Where a feature's code lies. */
typedef size_t NAME(place);

static ALWAYS_INLINE NAME(place) NAME(place_of)(const struct packed *packed UNUSED, int feature)
{
	return (size_t)feature;
}

static ALWAYS_INLINE uint8_t NAME(code)(const struct NAME(record) * record, NAME(place) place)
{
	return record->codes[place];
}

static ALWAYS_INLINE NAME(few) NAME(counts_few)(const struct NAME(record) * record)
{
	NAME(few) counts;
#if COUNT_BITS == 8
	counts = (NAME(few))widen_bytes(record->counts);
#else
	memcpy(&counts, record->counts, sizeof(counts));
#endif
	return counts;
}

/* Without draws. */
static ALWAYS_INLINE void NAME(begin_record)(struct NAME(record) * record, const struct packed *packed, uint32_t cell)
{
	memset(record->counts, 0, sizeof(record->counts));
	memcpy(record->codes, packed->codes + (size_t)cell * CODES, CODES);
}

/* Once for a class at most. */
static ALWAYS_INLINE void NAME(add_draws)(struct NAME(record) * record, uint32_t class, uint32_t draws)
{
	record->counts[class] = (NAME(count))draws;
}

/* The features that have one code only in a few records. */
static ALWAYS_INLINE uint32_t NAME(find_constants)(const struct packed *packed UNUSED,
						   const struct NAME(record) * records, uint32_t count)
{
	uint64_t first[CODES / 8], codes[CODES / 8], differ[CODES / 8] = {0};
	uint32_t varying = 0;

	memcpy(first, records[0].codes, sizeof(first));
	for (uint32_t i = 1; i < count; i++) {
		memcpy(codes, records[i].codes, sizeof(codes));
		for (int word = 0; word < CODES / 8; word++)
			differ[word] |= codes[word] ^ first[word];
	}
	for (int word = 0; word < CODES / 8; word++)
		varying |= collect_bits(differ[word]) << 8 * word;
	return ~varying;
}

#endif
