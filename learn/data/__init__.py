"""From a file to numbers: tables and their columns, the parts they are split into, and the
preparation that is fitted on the training part alone.
"""
