/*
 * about: what this program is made of and what it finds on this host.
 */
#ifndef HEAPGATE_ABOUT_H
#define HEAPGATE_ABOUT_H

#include <stdio.h>

/* Version, libraries built with and running with, allocators that can be had
 * here (each is tried in a child process), features. */
void about_print(FILE *to);

#endif
