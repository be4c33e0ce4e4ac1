{%- set kinds = cookiecutter.io_types.replace(' ', '').split(',') -%}
{%- set write = 'all' in kinds or 'write' in kinds -%}
{%- set read = 'all' in kinds or 'read' in kinds -%}
// SPDX-License-Identifier: {{cookiecutter.license}}
// What happens to the data. It knows nothing of bdevkit, so that its tests need no host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

/// Both change `data` in place, and get an I/O in pieces of one or more whole blocks; `offset` is where on the
/// bdev a piece starts, in bytes. As generated, they leave the data as they are.
class Transform {
public:
    /// {% if write %}What is written becomes what the base stores.{% else %}Writes pass as they are.{% endif %}
    void encode(std::span<std::byte> /*data*/, uint64_t /*offset*/) const {}

    /// {% if read %}What the base stores becomes what is read.{% else %}Reads pass as they are.{% endif %}
    void decode(std::span<std::byte> /*data*/, uint64_t /*offset*/) const {}
};
