"""Providers of sandbox servers, one file each."""
