# What tests and fuzz targets share. A test file may say two things in a comment, one per line:
#   LINK: --wrap=malloc        linker options
#   TIMEOUT: 300               seconds, instead of the default of its kind
file(GLOB support_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/support/*.c)
find_library(SG_CMOCKA cmocka)
mark_as_advanced(SG_CMOCKA)
if(NOT SG_CMOCKA)
    message(FATAL_ERROR "cmocka is missing ('./dev setup test' installs what is needed)")
endif()

add_library(sg_test INTERFACE)
target_include_directories(sg_test INTERFACE ${CMAKE_SOURCE_DIR}/tests)
target_compile_definitions(sg_test INTERFACE _GNU_SOURCE
    SG_TEST_SOURCE_DIR="${CMAKE_SOURCE_DIR}" SG_TEST_BINARY_DIR="${CMAKE_BINARY_DIR}")
target_link_libraries(sg_test INTERFACE sg_flags sg_instrument)
if(support_sources)
    add_library(sg_test_support STATIC ${support_sources})
    target_link_libraries(sg_test_support PRIVATE sg_test sg_third_headers)
endif()

set(test_environment
    ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
    UBSAN_OPTIONS=print_stacktrace=1)

# FILE KEY OUT: what stands after "KEY:" in the file.
function(sg_test_hint file key out)
    file(STRINGS ${file} line REGEX "^[ /#]*\\*? *${key}: " LIMIT_COUNT 1)
    string(REGEX REPLACE "^.*${key}: *" "" line "${line}")
    string(REGEX REPLACE " *\\*/.*$" "" line "${line}")
    set(${out} "${line}" PARENT_SCOPE)
endfunction()

# NAME FILE DEFAULT LABELS: sets the properties that every test has.
function(sg_test_properties name file default labels)
    sg_test_hint(${file} TIMEOUT timeout)
    if(NOT timeout)
        set(timeout ${default})
    endif()
    set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT ${timeout}
        SKIP_RETURN_CODE 77)
    set_property(TEST ${name} APPEND PROPERTY ENVIRONMENT ${test_environment})
endfunction()
