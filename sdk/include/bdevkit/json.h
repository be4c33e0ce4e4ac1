/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file json.h
 * JSON output of a module: what `dump_info_json`, `write_config_json` and methods write into. `name` is the
 * member's name inside an object and NULL inside an array. Names and strings are copied. Calls on one writer
 * are made from one thread at a time. The functions do not fail; what does not fit (a name in an array, an
 * end without a begin) is logged and left out. A second member of a name replaces the first.
 */
#ifndef BDEVKIT_JSON_H
#define BDEVKIT_JSON_H

#include <bdevkit/abi.h>

BDK_C_BEGIN

/** Owned by the host; valid during the callback that got it, a method's result until its call has ended. */
struct bdk_json_writer;

/** [any thread] Opens an object; what follows is its members, until its end. */
BDK_API void bdk_json_object_begin(struct bdk_json_writer* w, const char* name);
/** [any thread] Closes the object that was opened last. */
BDK_API void bdk_json_object_end(struct bdk_json_writer* w);
/** [any thread] Opens an array; what follows is its elements, until its end. */
BDK_API void bdk_json_array_begin(struct bdk_json_writer* w, const char* name);
/** [any thread] Closes the array that was opened last. */
BDK_API void bdk_json_array_end(struct bdk_json_writer* w);
/** [any thread] Writes a string; NULL writes null. */
BDK_API void bdk_json_string(struct bdk_json_writer* w, const char* name, const char* value);
/** [any thread] Writes true or false. */
BDK_API void bdk_json_bool(struct bdk_json_writer* w, const char* name, bool value);
/** [any thread] Writes a whole number. Some readers round it beyond 2^53. */
BDK_API void bdk_json_u64(struct bdk_json_writer* w, const char* name, uint64_t value);
/** [any thread] Writes a whole number with a sign. */
BDK_API void bdk_json_i64(struct bdk_json_writer* w, const char* name, int64_t value);
/** [any thread] Writes a number. A number that is not finite becomes null. */
BDK_API void bdk_json_double(struct bdk_json_writer* w, const char* name, double value);

BDK_C_END

#endif
