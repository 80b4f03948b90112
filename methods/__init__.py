"""The clustering methods: each module with an ``info`` is a method, the others are shared code."""
