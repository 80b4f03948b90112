"""The clustering methods, one file each; every module with an ``info`` is a method."""
