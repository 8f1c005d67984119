package main

import "context"

func scale(ctx context.Context, z size) (*figures, error) { return measure(ctx, z) }
