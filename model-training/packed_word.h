/*
 * A record that is one number, for one shape of packed_kernel.h: in the lowest CODE_BITS the codes, each with as many
 * bits as its feature's values need; above them the draws, a byte for each class.
 */
#ifdef LANES /* without it is empty, not wrong */

struct NAME(record) {
	uint64_t number;
};

/* Where a feature's code lies. */
typedef struct packed_place NAME(place);

static ALWAYS_INLINE NAME(place) NAME(place_of)(const struct packed *packed, int feature)
{
	return packed->places[feature];
}

static ALWAYS_INLINE uint8_t NAME(code)(const struct NAME(record) * record, NAME(place) place)
{
	return (uint8_t)(record->number >> place.shift & place.mask);
}

static ALWAYS_INLINE NAME(few) NAME(counts_few)(const struct NAME(record) * record)
{
	shorts8 all = widen_number(record->number >> CODE_BITS);
	NAME(few) counts;

	memcpy(&counts, &all, sizeof(counts));
	return counts;
}

/* Without draws. */
static ALWAYS_INLINE void NAME(begin_record)(struct NAME(record) * record, const struct packed *packed, uint32_t cell)
{
	record->number = packed->words[cell];
}

/* Once for a class at most. */
static ALWAYS_INLINE void NAME(add_draws)(struct NAME(record) * record, uint32_t class, uint32_t draws)
{
	record->number |= (uint64_t)(draws & UINT8_MAX) << (CODE_BITS + 8 * class) % 64;
}

/* The features that have one code only in a few records. */
static ALWAYS_INLINE uint32_t NAME(find_constants)(const struct packed *packed, const struct NAME(record) * records,
						   uint32_t count)
{
	uint64_t first = records[0].number, differ = 0;
	uint32_t varying = 0;

	for (uint32_t i = 1; i < count; i++)
		differ |= records[i].number ^ first;
	for (int f = 0; f < packed->data->feature_count; f++)
		varying |= (uint32_t)((differ >> packed->places[f].shift & packed->places[f].mask) != 0) << f;
	return ~varying;
}

#endif
