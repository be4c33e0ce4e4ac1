{%- set kinds = cookiecutter.io_types.replace(' ', '').split(',') -%}
{%- set write = 'all' in kinds or 'write' in kinds -%}
{%- set read = 'all' in kinds or 'read' in kinds -%}
// SPDX-License-Identifier: {{cookiecutter.license}}
// The transformation of the data. It does not depend on bdevkit, so its tests need no host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

/// Both change `data` in place, and get an I/O in pieces of one or more whole blocks; `offset` is where on
/// the bdev a piece starts, in bytes. As generated, they leave the data unchanged.
class Transform {
public:
    /// {% if write %}Turns a client's data into the base's data.{% else %}Writes pass unchanged.{% endif %}
    void encode(std::span<std::byte> /*data*/, uint64_t /*offset*/) const {}

    /// {% if read %}Turns the base's data into the client's data.{% else %}Reads pass unchanged.{% endif %}
    void decode(std::span<std::byte> /*data*/, uint64_t /*offset*/) const {}
};
