/*
 * dashboard_page: the page as a browser gets it, readable without a script:
 * the values of now in tables.
 */
#ifndef HEAPGATE_DASHBOARD_PAGE_H
#define HEAPGATE_DASHBOARD_PAGE_H

#include <jansson.h>

#include "base/text.h"

/* Adds it to *to. root: of dashboard_json(). */
void dashboard_page(struct text *to, const json_t *root);

#endif
