#include "base/random.h"

#include <math.h>

static uint64_t splitmix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void random_init(struct random *r, uint64_t seed)
{
	for (unsigned int i = 0; i < 4; i++)
		r->s[i] = splitmix(&seed);
}

static uint64_t rotate(uint64_t x, unsigned int by)
{
	return x << by | x >> (64 - by);
}

uint64_t random_u64(struct random *r)
{
	uint64_t *s = r->s;
	uint64_t result = rotate(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

/* The lowest values are refused that would make some remainders likelier. */
uint64_t random_below(struct random *r, uint64_t below)
{
	uint64_t least = -below % below, x;

	do
		x = random_u64(r);
	while (x < least);
	return x % below;
}

double random_unit(struct random *r)
{
	return (double)(random_u64(r) >> 11) * 0x1p-53;
}

double random_exponential(struct random *r)
{
	return -log1p(-random_unit(r));
}

/* Box and Muller, one of the two. */
double random_normal(struct random *r)
{
	double radius = sqrt(2 * random_exponential(r));

	return radius * cos(2 * M_PI * random_unit(r));
}

void random_order(struct random *r, unsigned int *order, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		unsigned int j = (unsigned int)random_below(r, i + 1);

		order[i] = order[j];
		order[j] = i;
	}
}
