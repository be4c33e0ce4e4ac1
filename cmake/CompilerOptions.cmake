# Flags of everything in the tree. Plugins built elsewhere get none of them.
set(BDEVKIT_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=")
option(BDEVKIT_FUZZ "Build the fuzz targets, which need clang" OFF)
option(BDEVKIT_COVERAGE "Count the lines that run, for gcovr" OFF)
option(BDEVKIT_NATIVE "Optimise for the machine that builds" OFF)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wundef -Werror
                    $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
                    $<$<COMPILE_LANGUAGE:CXX>:-Woverloaded-virtual>
                    # A designated initialiser leaves the rest zero: that is how the ABI's structs are meant to be filled.
                    -Wno-missing-field-initializers)

# -g1, functions and lines, is what a backtrace shows; variables would take a quarter of the build's time. The preset
# debug has them.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O3 -g1")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O3 -g1")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g -fno-omit-frame-pointer")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g -fno-omit-frame-pointer -D_GLIBCXX_ASSERTIONS")

# For tests and other code that no I/O runs through: it halves their time of compilation, and cuts two thirds with
# sanitizers.
if(BDEVKIT_SANITIZE)
  set(BDEVKIT_LIGHT_OPTIMISATION -O0)
else()
  set(BDEVKIT_LIGHT_OPTIMISATION -O1)
endif()

# Most of a source's compilation goes into its headers, so a whole build takes half the time when the sources of a folder
# share one compilation. The presets that CI and users build have it; those to work in, and clang's, compile each alone.
option(BDEVKIT_COMPILE_TOGETHER "Compile the sources of a folder at a time" OFF)

function(bdevkit_compile_together target)
  if(BDEVKIT_COMPILE_TOGETHER)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
    get_target_property(sources ${target} SOURCES)
    foreach(source ${sources})
      get_filename_component(folder ${source} DIRECTORY)
      string(MAKE_C_IDENTIFIER "in_${folder}" group)
      set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${group})
    endforeach()
    # Each source sees the others' names, which is no fault of either. Builds of each alone have these warnings.
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage -Wno-shadow)
    get_target_property(type ${target} TYPE)
    if(NOT type STREQUAL MODULE_LIBRARY) # a plugin has one log component, given to the compiler
      set_target_properties(${target} PROPERTIES UNITY_BUILD_CODE_BEFORE_INCLUDE "#undef BDK_LOG_COMPONENT")
    endif()
  endif()
endfunction()

if(BDEVKIT_NATIVE)
  add_compile_options(-march=native)
elseif(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  add_compile_options(-march=x86-64-v2)
endif()

if(BDEVKIT_SANITIZE)
  add_compile_options(-fsanitize=${BDEVKIT_SANITIZE} -fno-sanitize-recover=all -g1)
  add_link_options(-fsanitize=${BDEVKIT_SANITIZE})
endif()

if(BDEVKIT_COVERAGE)
  # Counters that several threads change stay right.
  add_compile_options(--coverage -fprofile-update=atomic)
  add_link_options(--coverage)
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # A warning of its own for anonymous structs in unions, which the ABI's headers and C11 have.
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-nested-anon-types>)
endif()

if(BDEVKIT_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link -g1 -w) # warnings are for the other presets' compiler
endif()
