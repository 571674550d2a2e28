"""Specialisations kept on disk, so that a process that is started again captures nothing.

    waiting   in the place of a function's specialisations, until one has to be made
    loading   which entry answers a call, whether it is one for this process, and its machine code
    facts     what a function depends on, written down and compared
    image     machine code in memory, without LLVM
    objects   object files to such an image, when one is stored

All but ``objects`` is loaded by a warm start, so it imports neither capture nor engines.  What is
stored is chosen in ``compiled.storing``; docs/decisions/specialisations-on-disk.md says why so.
"""
