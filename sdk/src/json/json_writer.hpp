// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <bdevkit/json.h>

#include <list>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/export.hpp"

/// Builds a JSON document from the calls of json.h. The root is an object.
struct BDK_INTERNAL bdk_json_writer {
public:
    bdk_json_writer();

    /// The document, after every begin has been matched by an end.
    const nlohmann::ordered_json& root() const { return root_; }

    void begin(const char* name, nlohmann::ordered_json container);
    void end(bool object);
    void value(const char* name, nlohmann::ordered_json value);

private:
    nlohmann::ordered_json* add(const char* name, nlohmann::ordered_json value);

    nlohmann::ordered_json root_ = nlohmann::ordered_json::object();
    std::vector<nlohmann::ordered_json*> open_;
    std::list<nlohmann::ordered_json> dropped_;
};
