"""Transformations of a captured function: value, gradient, Jacobian, Hessian, jvp, vjp.

    arguments    which arguments are differentiated, and what ``wrt`` names
    plans        Transformation: from what a capture found to a Plan; that of the value itself
    targets      what a derivative is by: one target for each array or number
    results      outputs of programs put together as the user gets them
    derivative   what all derivatives have in common
    gradient     the gradient, with the value or without
    matrices     Jacobian and Hessian
    vectors      tangents, cotangents and vectors that a call brings along
    products     Hessian times vector, jvp, vjp, linearize

A module imports only from those above it.  Who compiles a gradient loads neither matrices nor products.
"""
