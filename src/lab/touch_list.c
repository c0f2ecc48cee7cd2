#include "lab/touch_list.h"

#include <sys/mman.h>

#define FIRST_CAP 16384

void touch_list_fini(struct touch_list *l)
{
	if (l->bytes)
		munmap(l->bytes, l->cap * sizeof(*l->bytes));
	*l = (struct touch_list){.bytes = NULL};
}

/* Not from the allocator, which is what is measured. */
static int grow(struct touch_list *l)
{
	size_t cap = l->cap ? l->cap * 2 : FIRST_CAP, size = sizeof(*l->bytes);
	void *p;

	if (l->bytes)
		p = mremap(l->bytes, l->cap * size, cap * size, MREMAP_MAYMOVE);
	else
		p = mmap(NULL, cap * size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -1;
	l->bytes = p;
	l->cap = cap;
	return 0;
}

int touch_list_add(struct touch_list *l)
{
	if (l->n == l->cap && grow(l) != 0)
		return -1;
	l->bytes[l->n++] = TOUCH_ALL;
	return 0;
}
