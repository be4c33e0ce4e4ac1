{%- set kinds = cookiecutter.io_types.replace(' ', '').split(',') -%}
{%- set write = 'all' in kinds or 'write' in kinds -%}
{%- set read = 'all' in kinds or 'read' in kinds -%}
/* SPDX-License-Identifier: {{cookiecutter.license}} */
/* What happens to the data. It knows nothing of bdevkit, so that its tests need no host. Both functions
 * change `data` in place, and get an I/O in pieces of any length; `offset` is where on the bdev a piece
 * starts, in bytes. As generated, they leave the data unchanged. */
#ifndef TRANSFORM_H
#define TRANSFORM_H

#include <stddef.h>
#include <stdint.h>

/** {% if write %}Turns a client's data into the base's data.{% else %}Writes pass unchanged.{% endif %} */
static inline void transform_encode(unsigned char* data, size_t length, uint64_t offset) {
    (void)data, (void)length, (void)offset;
}

/** {% if read %}Turns the base's data into the client's data.{% else %}Reads pass unchanged.{% endif %} */
static inline void transform_decode(unsigned char* data, size_t length, uint64_t offset) {
    (void)data, (void)length, (void)offset;
}

#endif
