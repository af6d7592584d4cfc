"""The whole stack on one machine, without Docker and without an AWS account.

`python3 -m infra.local up` starts it. What happens, in order, and where:

    venvs       MiniStack and SAM, each in a virtual environment of its own, from pinned requirements
    build       the functions and the commands, in one run of cargo
    emulator    MiniStack, which keeps the table, the queues, the HTTP API, and runs the functions
    deploy      template.yaml as it is, by `sam deploy`
    keys, kinds what a fresh stack needs before its first job
    stack       where it all is and how to get in: `stack.json`
    logs        what the functions say, until Ctrl-C

Nothing outside of Python's standard library is used here.
"""
