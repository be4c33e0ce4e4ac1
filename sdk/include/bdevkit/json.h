/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file json.h
 * JSON output of a module: what `dump_info_json`, `write_config_json` and methods write into. `name` is the
 * member's name inside an object and NULL inside an array. Calls on one writer are made from one thread. The
 * functions do not fail; what does not fit (a name in an array, an end without a begin) is logged and left
 * out.
 */
#ifndef BDEVKIT_JSON_H
#define BDEVKIT_JSON_H

#include <bdevkit/abi.h>

BDK_C_BEGIN

/** Owned by the host; valid during the callback that got it, a method's result until its call has ended. */
struct bdk_json_writer;

/** [any thread] */
BDK_API void bdk_json_object_begin(struct bdk_json_writer* w, const char* name);
/** [any thread] */
BDK_API void bdk_json_object_end(struct bdk_json_writer* w);
/** [any thread] */
BDK_API void bdk_json_array_begin(struct bdk_json_writer* w, const char* name);
/** [any thread] */
BDK_API void bdk_json_array_end(struct bdk_json_writer* w);
/** [any thread] `value` is copied; NULL writes null. */
BDK_API void bdk_json_string(struct bdk_json_writer* w, const char* name, const char* value);
/** [any thread] */
BDK_API void bdk_json_bool(struct bdk_json_writer* w, const char* name, bool value);
/** [any thread] */
BDK_API void bdk_json_u64(struct bdk_json_writer* w, const char* name, uint64_t value);
/** [any thread] */
BDK_API void bdk_json_i64(struct bdk_json_writer* w, const char* name, int64_t value);
/** [any thread] A value that is not finite writes null. */
BDK_API void bdk_json_double(struct bdk_json_writer* w, const char* name, double value);

BDK_C_END

#endif
