/*
 * The search for the best cut of a node: packed_kernel.h includes this file for nodes of few draws and of many, with
 *	BIN		the vector of draws by class in which such a node is added up
 *	BIN_NAME(word)	a name of this kind
 * and, defined before, BIN_NAME of counts(record), totals(totals) and score(node, all, left, &left_draws).
 */
#ifdef BIN /* without it is empty, not wrong */

static ALWAYS_INLINE bool BIN_NAME(is_used)(const BIN *bin)
{
	uint64_t words[sizeof(*bin) / 8], any = 0;

	memcpy(words, bin, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		any |= words[i];
	return any != 0;
}

/* Looks at all cuts of a feature whose bins and set of codes are given, and empties the bins. False: it is constant. */
static ALWAYS_INLINE bool BIN_NAME(sweep)(struct NAME(work) * work, const struct NAME(node) * node, BIN *bins,
					  const uint64_t *present, int words, int feature, struct NAME(cut) * best)
{
	BIN left = {0}, all = BIN_NAME(totals)(&node->totals);
	uint32_t min_leaf = work->data->min_samples_leaf, left_draws;
	int count = 0, last = 0;

	for (int word = 0; word < words; word++)
		for (uint64_t bits = present[word]; bits; bits &= bits - 1) {
			int code = word * 64 + __builtin_ctzll(bits);

			if (count++ > 0) {
				double score = BIN_NAME(score)(node, &all, &left, &left_draws);

				if (score > best->score && left_draws >= min_leaf &&
				    node->draws - left_draws >= min_leaf) {
					*best = (struct NAME(cut)){.left_totals =
								       __builtin_convertvector(left, NAME(totals)),
								   .left_draws = left_draws,
								   .score = score,
								   .feature = feature,
								   .left = (uint8_t)last,
								   .right = (uint8_t)code};
				}
			}
			left += bins[code];
			bins[code] = (BIN){0};
			last = code;
		}
	return count > 1;
}

/* Adds up the node's records by their codes of one feature or two: two keep independent additions under way. */
static ALWAYS_INLINE void BIN_NAME(fill)(struct NAME(work) * work, const struct NAME(node) * node, const int *features,
					 bool two, int words, uint64_t (*present)[PACKED_CODES / 64])
{
	const struct NAME(record) *record = NAME(records_of)(work, node), *end = record + (node->end - node->begin);
	BIN *bins = work->bins[0], *other_bins = work->bins[1];
	NAME(place) place = NAME(place_of)(work->grower->packed, features[0]);
	NAME(place) other = NAME(place_of)(work->grower->packed, features[1]);

	for (int word = 0; word < words; word++)
		present[0][word] = present[1][word] = 0;
	for (; record < end; record++) {
		BIN counts = BIN_NAME(counts)(record);
		uint8_t code = NAME(code)(record, place);

		bins[code] += counts;
		present[0][words == 1 ? 0 : code / 64] |= UINT64_C(1) << code % 64;
		if (!two)
			continue;
		code = NAME(code)(record, other);
		other_bins[code] += counts;
		present[1][words == 1 ? 0 : code / 64] |= UINT64_C(1) << code % 64;
	}
}

/* The same of two features for many records: every other one has bins of its own, as an addition to a number just
 * written has to wait for it, and the codes that occur are found by the bins. */
static ALWAYS_INLINE void BIN_NAME(fill_many)(struct NAME(work) * work, const struct NAME(node) * node,
					      const int *features, int words, uint64_t (*present)[PACKED_CODES / 64])
{
	const struct NAME(record) *record = NAME(records_of)(work, node), *end = record + (node->end - node->begin);
	BIN *bins = work->bins[0], *other_bins = work->bins[1];
	BIN *odd_bins = bins + PACKED_CODES, *odd_other_bins = other_bins + PACKED_CODES;
	NAME(place) place = NAME(place_of)(work->grower->packed, features[0]);
	NAME(place) other = NAME(place_of)(work->grower->packed, features[1]);

	for (; record + 1 < end; record += 2) {
		BIN counts = BIN_NAME(counts)(record), odd_counts = BIN_NAME(counts)(record + 1);

		bins[NAME(code)(&record[0], place)] += counts;
		odd_bins[NAME(code)(&record[1], place)] += odd_counts;
		other_bins[NAME(code)(&record[0], other)] += counts;
		odd_other_bins[NAME(code)(&record[1], other)] += odd_counts;
	}
	if (record < end) {
		bins[NAME(code)(record, place)] += BIN_NAME(counts)(record);
		other_bins[NAME(code)(record, other)] += BIN_NAME(counts)(record);
	}
	for (int i = 0; i < 2; i++) {
		bins = work->bins[i];
		for (int word = 0; word < words; word++)
			present[i][word] = 0;
		for (int code = 0; code <= work->data->columns[features[i]].greatest; code++) {
			bins[code] += bins[PACKED_CODES + code];
			bins[PACKED_CODES + code] = (BIN){0};
			present[i][words == 1 ? 0 : code / 64] |= (uint64_t)BIN_NAME(is_used)(&bins[code]) << code % 64;
		}
	}
}

static ALWAYS_INLINE void BIN_NAME(search)(struct NAME(work) * work, struct NAME(node) * node, const int *features,
					   int count, int words, struct NAME(cut) * best, bool *any_varies)
{
	uint64_t present[2][PACKED_CODES / 64];

	if (count == 1)
		BIN_NAME(fill)(work, node, features, false, words, present);
	else if (node->end - node->begin < work->many_records)
		BIN_NAME(fill)(work, node, features, true, words, present);
	else
		BIN_NAME(fill_many)(work, node, features, words, present);
	for (int i = 0; i < count; i++)
		if (BIN_NAME(sweep)(work, node, work->bins[i], present[i], words, features[i], best))
			*any_varies = true;
		else
			node->constants |= UINT32_C(1) << features[i];
}

#endif
