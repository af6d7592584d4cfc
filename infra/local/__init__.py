"""Runs the whole stack on one machine, without Docker and without an AWS account.

`python3 -m infra.local up` starts it. The steps, in order, by module:

    venvs       create a virtual environment each for MiniStack and SAM, from pinned requirements
    build       build the functions and command-line programs with one run of cargo
    emulator    start MiniStack, which holds the table, queues and HTTP API and runs the functions
    deploy      deploy the unmodified template.yaml with `sam deploy`
    keys, kinds create the first keys and the default kinds
    stack       write URLs and keys to `stack.json`
    logs        follow the functions' logs until Ctrl-C

These modules import only the standard library. Scripts named `*_main.py` run inside the virtual
environment of the tool they use.
"""
