"""Options: kinds of settings and their locations in a file, independent of any rule."""
