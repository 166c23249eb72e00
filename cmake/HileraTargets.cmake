# The ways in which a target is made here. Every target gets its warnings, sanitizers and include root from
# hilera_target_options, never from global flags.

option(HILERA_SANITIZE "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(HILERA_SANITIZE_THREADS "Build with ThreadSanitizer, which goes with neither" OFF)
option(HILERA_FUZZ "Build for libFuzzer, with clang" OFF)
option(HILERA_VALGRIND "Run the unit tests with valgrind" OFF)
option(HILERA_COVERAGE "Instrument for gcov" OFF)
option(HILERA_REPRODUCIBLE "Leave the folders of sources and build out of what is built" OFF)
option(HILERA_PCH "Compile once what all unit tests include" OFF)
option(HILERA_WERROR "Treat warnings as errors" ON)

if(HILERA_SANITIZE)
  set(HILERA_SANITIZERS address,undefined)
elseif(HILERA_SANITIZE_THREADS)
  set(HILERA_SANITIZERS thread)
  set(HILERA_TEST_PREFIX tsan.)  # where one ctest runs several trees
endif()

if(HILERA_VALGRIND)
  find_program(VALGRIND valgrind REQUIRED)
  set(HILERA_VALGRIND_COMMAND ${VALGRIND} --quiet --error-exitcode=99 --num-callers=30
    --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite
    --child-silent-after-fork=yes)  # the children of death tests end in the middle of everything
  # Valgrind 3.19 does not know pidfd_open, and does not hand on a limit on descriptors. The last one counts on many
  # frames in half a second.
  set(HILERA_NOT_WITH_VALGRIND Subprocess.* Listener.*DescriptorsRunOut*
    StorageDoubt.GoesNoFurtherBackThoughServersKeepDying)
endif()

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

function(hilera_target_options target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR})
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wconversion -Wno-sign-conversion
    -Wimplicit-fallthrough -Wno-missing-field-initializers
    -fno-omit-frame-pointer -fstack-protector-strong -fstack-clash-protection -fcf-protection
    $<$<BOOL:${HILERA_WERROR}>:-Werror>)
  if(HILERA_SANITIZERS)
    target_compile_options(${target} PUBLIC -fsanitize=${HILERA_SANITIZERS} -fno-sanitize-recover=all)
    target_link_options(${target} PUBLIC -fsanitize=${HILERA_SANITIZERS})
    # Boost.Asio has fences, which ThreadSanitizer does not follow.
    target_compile_options(${target} PRIVATE $<$<BOOL:${HILERA_SANITIZE_THREADS}>:-Wno-tsan>)
  else()
    target_compile_options(${target} PRIVATE $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
  endif()
  if(HILERA_FUZZ)
    target_compile_options(${target} PUBLIC -fsanitize=fuzzer-no-link)
    target_link_options(${target} PUBLIC -fsanitize=fuzzer-no-link)
    target_compile_definitions(${target} PUBLIC __SANITIZE_ADDRESS__=1)  # as gcc says it
  endif()
  # With -flto, g++ 12.2 takes it that std::from_chars<long> stores nothing, and the journal knows none of its segments.
  # The receive path gains nothing by it.
  if(CMAKE_INTERPROCEDURAL_OPTIMIZATION OR CMAKE_CXX_FLAGS MATCHES "-flto")
    target_compile_options(${target} PRIVATE -fno-lto)
  endif()
  if(HILERA_REPRODUCIBLE)
    target_compile_options(${target} PRIVATE
      -ffile-prefix-map=${CMAKE_BINARY_DIR}=build -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
  endif()
  if(HILERA_COVERAGE)
    target_compile_options(${target} PUBLIC --coverage -fprofile-update=atomic)
    target_link_options(${target} PUBLIC --coverage)
  endif()
  target_compile_definitions(${target} PUBLIC $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
  target_link_options(${target} PRIVATE -Wl,-z,relro,-z,now)
endfunction()

# hilera_library(NAME SOURCES file... DEPS target...): a static library whose headers lie beside its sources.
function(hilera_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  hilera_target_options(${name})
  target_link_libraries(${name} PUBLIC ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
endfunction()

# hilera_program(NAME SOURCES file... DEPS target...)
function(hilera_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  hilera_target_options(${name})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
endfunction()

# Tests take a third of the time to compile so; what is under test keeps its flags. AddressSanitizer sees a null pointer
# too.
function(hilera_test_options name)
  hilera_target_options(${name})
  target_link_libraries(${name} PRIVATE GTest::gmock GTest::gtest_main)
  if(HILERA_SANITIZE)
    target_compile_options(${name} PRIVATE -O0 -fno-sanitize=null,alignment,object-size,vptr)
  elseif(HILERA_SANITIZERS)
    target_compile_options(${name} PRIVATE -O0)
  elseif(HILERA_VALGRIND)
    target_compile_options(${name} PRIVATE -O0 -U_FORTIFY_SOURCE)
  endif()
endfunction()

# With HILERA_PCH: the precompiled header of all tests. It must not hide what a test forgets to include, so the preset dev
# does without.
function(hilera_precompile_for_tests)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/tests_pch.cc CONTENT "")
  add_library(hilera_tests_pch OBJECT ${CMAKE_BINARY_DIR}/tests_pch.cc)
  hilera_test_options(hilera_tests_pch)
  target_precompile_headers(hilera_tests_pch PRIVATE
    <algorithm> <array> <chrono> <cstdint> <deque> <filesystem> <fstream> <functional> <map> <memory> <optional> <set>
    <span> <sstream> <stdexcept> <string> <string_view> <system_error> <unordered_map> <utility> <vector>
    <gmock/gmock.h> <gtest/gtest.h>)
endfunction()

# hilera_test(NAME SOURCES file... DEPS target... [LABELS label...]): one GoogleTest binary, its cases known to ctest.
# With valgrind, the binary is one case, because each start takes seconds.
function(hilera_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;LABELS;PROPERTIES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  hilera_test_options(${name})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
  if(HILERA_PCH)
    target_precompile_headers(${name} REUSE_FROM hilera_tests_pch)
  endif()
  if(HILERA_VALGRIND)
    list(JOIN HILERA_NOT_WITH_VALGRIND ":" excluded)
    add_test(NAME valgrind.${name}
      COMMAND ${HILERA_VALGRIND_COMMAND} $<TARGET_FILE:${name}> --gtest_brief=1 --gtest_filter=-${excluded})
    set_tests_properties(valgrind.${name} PROPERTIES TIMEOUT 3600 LABELS "${ARG_LABELS}" ${ARG_PROPERTIES})
    return()
  endif()
  include(GoogleTest)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60 TEST_PREFIX "${HILERA_TEST_PREFIX}"
    PROPERTIES TIMEOUT 120 LABELS "${ARG_LABELS}" ${ARG_PROPERTIES})
endfunction()
