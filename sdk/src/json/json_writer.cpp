// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "json"
#include "json/json_writer.hpp"

#include <bdevkit/log.h>

#include <cmath>
#include <utility>

using Json = nlohmann::ordered_json;

bdk_json_writer::bdk_json_writer() {
    open_.push_back(&root_);
}

Json* bdk_json_writer::add(const char* name, Json value) {
    Json& parent = *open_.back();
    if (parent.is_array() == (name != nullptr)) {
        BDK_ERRLOG("JSON output: %s", name != nullptr ? "an element of an array has a name"
                                                      : "a member of an object has no name");
        return nullptr;
    }
    if (parent.is_array()) {
        parent.push_back(std::move(value));
        return &parent.back();
    }
    // A container must not move while it is open: an object of ordered_json is a vector.
    return &(parent[name] = std::move(value));
}

void bdk_json_writer::begin(const char* name, Json container) {
    Json* added = add(name, container);
    // Members of a container that was refused are dropped with it.
    if (added == nullptr) added = &dropped_.emplace_back(std::move(container));
    open_.push_back(added);
}

void bdk_json_writer::end(bool object) {
    if (open_.size() == 1 || open_.back()->is_object() != object) {
        BDK_ERRLOG("JSON output: an end without its begin");
        return;
    }
    open_.pop_back();
}

void bdk_json_writer::value(const char* name, Json value) {
    add(name, std::move(value));
}

void bdk_json_object_begin(bdk_json_writer* w, const char* name) {
    w->begin(name, Json::object());
}

void bdk_json_object_end(bdk_json_writer* w) {
    w->end(true);
}

void bdk_json_array_begin(bdk_json_writer* w, const char* name) {
    w->begin(name, Json::array());
}

void bdk_json_array_end(bdk_json_writer* w) {
    w->end(false);
}

void bdk_json_string(bdk_json_writer* w, const char* name, const char* value) {
    w->value(name, value == nullptr ? Json() : Json(value));
}

void bdk_json_bool(bdk_json_writer* w, const char* name, bool value) {
    w->value(name, value);
}

void bdk_json_u64(bdk_json_writer* w, const char* name, uint64_t value) {
    w->value(name, value);
}

void bdk_json_i64(bdk_json_writer* w, const char* name, int64_t value) {
    w->value(name, value);
}

void bdk_json_double(bdk_json_writer* w, const char* name, double value) {
    w->value(name, std::isfinite(value) ? Json(value) : Json());
}
