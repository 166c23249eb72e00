# Runs PROGRAM, and fails unless it ends with status 0 and writes what stands in EXPECTED, where <n> is any number.

execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE output ERROR_VARIABLE errors RESULT_VARIABLE status)
file(READ ${EXPECTED} expected)

string(REGEX REPLACE "([][+.*()^$?|\\])" "\\\\\\1" pattern "${expected}")
string(REPLACE "<n>" "[0-9]+(\\.[0-9]+)?" pattern "${pattern}")

if(NOT status EQUAL 0 OR NOT "${output}" MATCHES "^${pattern}$")
  message(FATAL_ERROR "status ${status}, wrote\n${output}\nwhere\n${expected}\nwas expected. It complained:\n${errors}")
endif()
