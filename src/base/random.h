/*
 * random: numbers that a seed repeats: the same on every host, so that a
 * campaign can be run again exactly. Not for secrets.
 *
 * xoshiro256** of Blackman and Vigna, seeded by splitmix64.
 */
#ifndef HEAPGATE_RANDOM_H
#define HEAPGATE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
	uint64_t s[4];
};

void random_init(struct random *r, uint64_t seed);
uint64_t random_u64(struct random *r);
/* From 0 to below - 1, each as likely as the others; below > 0. */
uint64_t random_below(struct random *r, uint64_t below);
/* 0 <= x < 1. */
double random_unit(struct random *r);
/* Exponential with mean 1: the gaps of a Poisson process of rate 1. */
double random_exponential(struct random *r);
/* Normal with mean 0 and variance 1. */
double random_normal(struct random *r);
/* Fills order[0..n) with 0..n-1, each order as likely as the others. */
void random_order(struct random *r, unsigned int *order, unsigned int n);

#endif
