# Tests, found by folder; SgTestSupport.cmake says what a test file can ask for.

# FILE OUT: the libraries that a test links. A unit test of a low module takes that module and what
# is below it, so that it still builds and runs while another module does not compile.
function(sg_test_libraries file out)
    set(${out} saorsa_static PARENT_SCOPE)
    string(REGEX MATCH "/unit/([a-z0-9_]+)/" match ${file})
    set(module ${CMAKE_MATCH_1})
    if(match AND module IN_LIST SG_MODULES AND NOT module STREQUAL "runtime")
        set(${out} sg_${module} PARENT_SCOPE)
    elseif(match AND module STREQUAL "app")
        set(${out} sg_app PARENT_SCOPE)
    endif()
endfunction()

# NAME SOURCES...: an executable with the library and the test support.
function(sg_test_program name)
    add_executable(${name} ${ARGN})
    target_link_libraries(${name} PRIVATE sg_test sg_third_headers)
    if(TARGET sg_test_support)
        target_link_libraries(${name} PRIVATE sg_test_support)
    endif()
    list(GET ARGN 0 first)
    sg_test_libraries(${first} libraries)
    target_link_libraries(${name} PRIVATE ${libraries} sg_third_static ${SG_CMOCKA} m)
    if(first MATCHES "/tests/vectors/")
        target_link_libraries(${name} PRIVATE ${jansson_static})
    endif()
    sg_test_hint(${first} LINK link)
    if(link)
        separate_arguments(link UNIX_COMMAND "${link}")
        list(TRANSFORM link PREPEND "-Wl,")
        target_link_options(${name} PRIVATE ${link})
    endif()
endfunction()

# KIND TIMEOUT PATTERN: one executable and one test for each tests/PATTERN.
function(sg_tests kind timeout pattern)
    file(GLOB sources RELATIVE ${CMAKE_SOURCE_DIR}/tests CONFIGURE_DEPENDS
        ${CMAKE_SOURCE_DIR}/tests/${pattern})
    foreach(source ${sources})
        # unit/base/test_err.c -> unit_base_err
        string(REGEX REPLACE "[.]c$" "" name ${source})
        string(REPLACE "/test_" "/" name ${name})
        string(REPLACE "/" "_" name ${name})
        set(file ${CMAKE_SOURCE_DIR}/tests/${source})
        sg_test_program(${name} ${file})
        add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
        set(labels ${kind})
        if(name MATCHES "^sim_quick")
            list(APPEND labels simquick)
        endif()
        sg_test_properties(${name} ${file} ${timeout} "${labels}")
        if(kind STREQUAL "e2e" AND TARGET saorsa)
            set_property(TEST ${name} APPEND PROPERTY ENVIRONMENT SAORSA_BIN=$<TARGET_FILE:saorsa>
                SAORSA_RELEASE_BIN=${CMAKE_SOURCE_DIR}/build/release/saorsa)
        endif()
    endforeach()
endfunction()

if(TARGET saorsa_static)
    sg_tests(unit 120 unit/*/test_*.c)
    sg_tests(vectors 120 vectors/test_*.c)
    sg_tests(sim 300 sim/test_*.c)
    sg_tests(e2e 120 e2e/test_*.c)
endif()

# One runner plays every scenario.
file(GLOB trace_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/trace/*.c)
file(GLOB trace_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/trace/*.txt)
if(trace_sources AND TARGET saorsa_static)
    sg_test_program(trace_runner ${trace_sources})
    target_include_directories(trace_runner PRIVATE ${CMAKE_SOURCE_DIR}/tests/trace)
    foreach(file ${trace_files})
        get_filename_component(name ${file} NAME_WE)
        add_test(NAME trace_${name} COMMAND trace_runner ${file})
        sg_test_properties(trace_${name} ${file} 60 trace)
    endforeach()
endif()

# Every built-in scenario at its small scale, and once more with each value that the comment
# '# VARIANTS: NAME=VALUE ..' gives to one of its variables.
file(GLOB scenarios CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/scenarios/*.scn)
foreach(file ${scenarios})
    get_filename_component(name ${file} NAME_WE)
    string(REPLACE "-" "_" test sim_scenario_${name})
    if(TARGET saorsa)
        add_test(NAME ${test} COMMAND saorsa sim --scenario ${name} --small)
        sg_test_properties(${test} ${file} 120 sim)
        sg_test_hint(${file} VARIANTS variants)
        separate_arguments(variants UNIX_COMMAND "${variants}")
        foreach(variant ${variants})
            string(REGEX REPLACE "[^A-Za-z0-9]+" "_" suffix ${variant})
            string(REGEX REPLACE "_$" "" suffix ${suffix})
            add_test(NAME ${test}_${suffix}
                COMMAND saorsa sim --scenario ${name} --small --set ${variant})
            sg_test_properties(${test}_${suffix} ${file} 120 sim)
        endforeach()
    endif()
endforeach()
file(GLOB scripts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/e2e/test_*.sh)
foreach(file ${scripts})
    get_filename_component(name ${file} NAME_WE)
    string(REPLACE "test_" "e2e_" name ${name})
    if(TARGET saorsa)
        add_test(NAME ${name} COMMAND ${CMAKE_SOURCE_DIR}/tools/in-temp-dir.sh ${file})
        sg_test_properties(${name} ${file} 120 e2e)
        set_property(TEST ${name} APPEND PROPERTY ENVIRONMENT SAORSA_BIN=$<TARGET_FILE:saorsa>
            SAORSA_RELEASE_BIN=${CMAKE_SOURCE_DIR}/build/release/saorsa
            SAORSA_SOURCE_DIR=${CMAKE_SOURCE_DIR})
    endif()
endforeach()

# Our MLS clients play the scenario scripts with each other. With ts-mls, which is not installed
# here, tests/interop/run.py is started by hand.
if(TARGET saorsa_static AND EXISTS ${CMAKE_SOURCE_DIR}/tests/interop/mls_drive.c)
    sg_test_program(mls_drive ${CMAKE_SOURCE_DIR}/tests/interop/mls_drive.c)
    target_link_libraries(mls_drive PRIVATE ${jansson_static})
    add_test(NAME interop_mls COMMAND ${CMAKE_SOURCE_DIR}/tests/interop/run.py
        $<TARGET_FILE:mls_drive> --alone --suites 1,2,0xf602,0xf60a)
    sg_test_properties(interop_mls ${CMAKE_SOURCE_DIR}/tests/interop/run.py 300 vectors)
endif()
