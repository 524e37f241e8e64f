#!/bin/sh
# One scan in a pipeline: every report into one folder, the summary where the platform shows it, and the exit code of
# the scan. Given by the environment:
#   AUDIT_PATH     the folder to audit (default: .)
#   AUDIT_ARGS     more options of `backend-audit scan`, split at blanks
#   AUDIT_REPORTS  where reports are written (default: backend-audit-reports)
#   AUDIT_SOFT     "true": findings do not fail the step (exit codes 2, 3 and 5 still do)
set -eu

path=${AUDIT_PATH:-.}
reports=${AUDIT_REPORTS:-backend-audit-reports}
mkdir -p "$reports"

set -f # a glob in AUDIT_ARGS is the scan's, not the shell's
code=0
# shellcheck disable=SC2086 # options are meant to be split
backend-audit scan ${AUDIT_ARGS:-} \
    -o "sarif=$reports/backend-audit.sarif" \
    -o "json=$reports/backend-audit.json" \
    -o "html=$reports/backend-audit.html" \
    -o "markdown=$reports/backend-audit.md" \
    -o "junit=$reports/backend-audit.junit.xml" \
    -o "gitlab-codequality=$reports/gl-code-quality-report.json" \
    -o "gitlab-sast=$reports/gl-sast-report.json" \
    -- "$path" || code=$?

if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -f "$reports/backend-audit.md" ]; then
    cat "$reports/backend-audit.md" >>"$GITHUB_STEP_SUMMARY"
fi
if [ -n "${GITHUB_OUTPUT:-}" ]; then
    {
        echo "exit-code=$code"
        echo "reports=$reports"
        [ ! -f "$reports/backend-audit.sarif" ] || echo "sarif=$reports/backend-audit.sarif"
    } >>"$GITHUB_OUTPUT"
fi
if [ "${AUDIT_SOFT:-false}" = true ] && { [ "$code" = 1 ] || [ "$code" = 4 ]; }; then
    code=0
fi
exit "$code"
