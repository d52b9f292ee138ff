"""What a CPU with AVX-512 and its bfloat16 instructions does faster by our own few lines of C than by torch.

They are compiled on the machine that runs them, by the compiler that is there, and kept for the next time. Without a
compiler or those instructions torch's operations are taken.
"""
